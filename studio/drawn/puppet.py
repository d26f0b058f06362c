from paint import *
import time
cv2.setNumThreads(1)
from dataclasses import dataclass, field

# ------------------------------------------------------------------ styles
BASE=dict(
 face=[(0,-192),(52,-184),(96,-156),(124,-106),(131,-56),(130,-12),(125,32),(114,74),(97,110),(74,142),(50,166),(27,180),(0,184)],
 eye=dict(x=60,y=2,w=35.5,up=19.2,lo=11.4,tilt=4.5,skew=-.10,iris=17.2),
 nose=dict(w=.90,len=1.0,tip=1.0), lip=dict(w=43,u=11.5,l=16.5), brow=dict(th=8.4,y=-44,arch=4.6,len=.98,tilt=-6.0,dens=1.0),
 lash=1.0, shoulder=285, beard=0, gender='f', face_scale=1.0)
ANNA=dict(BASE,name='anna',
 skin=[(0,'#7d3f33'),(.22,'#b56a50'),(.45,'#dd9b7a'),(.66,'#f3bf9e'),(.86,'#fcd6ba'),(1,'#ffe6d0')],
 blush='#e8705f', lipc=('#b04a4c','#cf6a66','#e58d84'), iris=('#3a2417','#7a4d2a','#b98848'), brow_c='#4a2c20',
 hair=[(0,'#1c0d0a'),(.22,'#3a1c13'),(.45,'#5f3220'),(.68,'#8d5434'),(.86,'#c08757'),(1,'#f0c795')], lash_c='#24120e',
 jacket=[(0,'#08242a'),(.25,'#0f3a42'),(.5,'#185661'),(.75,'#2a7480'),(1,'#5fa3aa')],
 shirt=[(0,'#a58e7c'),(.3,'#d3c2b0'),(.6,'#efe4d6'),(.85,'#fbf5ec'),(1,'#ffffff')],
 bg=('#fbeee2','#f0d3bd','#dcae93'), hairstyle='long', outfit='blazer')
MARCUS=dict(BASE,name='marcus',
 face=[(0,-190),(56,-182),(104,-152),(130,-104),(136,-58),(135,-13),(131,30),(124,76),(114,110),(96,142),(70,171),(42,187),(0,192)],
 eye=dict(x=60,y=2,w=31.5,up=14.5,lo=10,tilt=2,skew=-.08,iris=14.6),
 nose=dict(w=1.28,len=1.03,tip=1.12), lip=dict(w=45,u=11,l=15), brow=dict(th=11.5,y=-40,arch=3.0,len=1.02,tilt=-5.0,dens=1.25),
 lash=.35, shoulder=318, beard=.8, gender='m',
 skin=[(0,'#2a1510'),(.22,'#4a281b'),(.45,'#74442b'),(.66,'#98603d'),(.86,'#b98055'),(1,'#dba87b')],
 blush='#8a3a26', lipc=('#5e2f28','#864a3d','#a86a58'), iris=('#1a0e09','#3d2415','#6b4426'), brow_c='#150d0a',
 hair=[(0,'#070505'),(.3,'#15100e'),(.55,'#2a201c'),(.8,'#4a3a33'),(1,'#7a6558')], lash_c='#0d0807',
 jacket=[(0,'#10131f'),(.25,'#1c2338'),(.5,'#2b3655'),(.75,'#435178'),(1,'#7d8cb0')],
 shirt=[(0,'#7d7f86'),(.3,'#b5b8bf'),(.6,'#dde0e5'),(.85,'#f2f4f7'),(1,'#ffffff')],
 bg=('#eaf1f2','#c7dadd','#92b3b9'), hairstyle='short', outfit='blazer_tee')

CSC=[1.0]
def MB(k):
    return skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle,k) if k*CSC[0]>1.15 else None
@dataclass
class Rig:
    yaw:float=0; pitch:float=0; roll:float=0
    gaze_x:float=0; gaze_y:float=0
    blink_l:float=0; blink_r:float=0; squint:float=0
    brow_l:float=0; brow_r:float=0; brow_in:float=0
    smile:float=.5; open:float=0; width:float=0; round:float=0; upper:float=0; tuck:float=0; press:float=0
    teeth_u:float=1; teeth_l:float=0; tongue:float=0; tongue_up:float=0; tongue_out:float=0
    breath:float=0; sway:float=0; nod:float=0; wave:float=0; wave_ang:float=0

VISEMES=dict(
 rest=dict(smile=.5), MBP=dict(press=1,smile=.1),
 AA=dict(open=.82,width=.05,tongue=.45,teeth_u=.75,smile=.05), EE=dict(open=.26,width=.75,upper=.55,teeth_u=1,teeth_l=.5,tongue=.3,smile=.3),
 IH=dict(open=.36,width=.35,upper=.3,teeth_u=1,tongue=.5,teeth_l=.25,smile=.1), OH=dict(open=.60,round=.62,teeth_u=.25,tongue=.3,smile=0),
 OU=dict(open=.26,round=1,teeth_u=0,tongue=0,smile=0), FV=dict(open=.15,tuck=1,upper=.85,width=.1,teeth_u=1,smile=0),
 TH=dict(open=.30,width=.15,upper=.4,teeth_u=1,tongue=1,tongue_up=.5,tongue_out=1,smile=0), L=dict(open=.42,width=.15,upper=.35,teeth_u=.9,tongue=1,tongue_up=1,smile=.05),
 SZ=dict(open=.17,width=.42,upper=.55,teeth_u=1,teeth_l=1,smile=.15), CH=dict(open=.24,round=.5,upper=.6,teeth_u=1,teeth_l=.9,smile=0),
 smile=dict(open=.2,width=.75,upper=.55,teeth_u=1,smile=1.0,squint=.35))

PIV=np.array([0.,105.])
def zface(u,v):
    z=np.maximum(118*(1-np.abs(u/146)**2.4-((v+5)/262)**2),-60)
    z=z+28*np.exp(-(u/20)**2-((v-62)/26)**2)+8*np.exp(-(u/46)**2-((v-117)/30)**2)
    return z

# ------------------------------------------------------------------ bakers
def bake_face(st,K,hair_shadow=None):
    R=Region(-175,-225,175,228,K); U,V=R.grid(); A=np.abs(U)
    cont=catmull(sym(st['face']),12,True); m=R.mask(poly(cont))
    G=lambda x,y,sx,sy,a: a*np.exp(-((U-x)/sx)**2-((V-y)/sy)**2)
    GS=lambda x,y,sx,sy,a: a*np.exp(-((A-x)/sx)**2-((V-y)/sy)**2)
    base=inflate(m,3,4*K)*112
    e=st['eye']; nz=st['nose']; nw=nz['w']; f=st['gender']=='f'
    d=np.zeros_like(U)
    d+=GS(e['x']-3,-3,36,22,-13)+GS(24,-6,18,20,-4.5)           # sockets
    d+=GS(56,-46,46,13,6 if f else 9)+G(0,-42,30,18,3.5 if f else 7)         # brow ridge
    d+=G(0,-120,90,50,5)                                       # forehead
    # nose
    yb=sstep(-22,70,V)*(1-sstep(80,96,V))
    wid=(12+5*sstep(0,75,V))*(.55+.45*nw)
    V=V+6
    d+=yb*((8 if f else 10)+(19 if f else 23)*sstep(-10,74,V)**1.2)*np.exp(-(np.abs(U)/wid)**2.05)
    d+=G(0,73,15*nw**.6,14,11*nz['tip'])+GS(19*nw,80,10*nw**.6,9,10)+G(0,86,10,7,3)
    d+=GS(33*nw,84,8,10,-3)
    d+=GS(74,46,36,26,8 if f else 9)+GS(80,92,26,30,-4)          # cheekbone, hollow
    ln=(A-(35+.50*(V-84)))                                     # nasolabial
    d+=-1.5*np.exp(-(ln/7)**2)*sstep(74,90,V)*(1-sstep(92,118,V))
    d+=G(0,118,46,28,9)+G(0,100,4.5,10,-2.0)+GS(7,101,4,10,1.0)
    d+=G(0,148,26,8,-4.5)+G(0,174,27,17,8 if f else 11)+GS(54,114,9,9,-1.2)
    V=V-6+0
    if not f: d+=GS(112,120,22,34,5)
    z=base+R.blur(d,2.3 if f else 1.8)
    t,sp,fr,n=lit(z,K,.50)
    ao=np.clip((R.blur(d,16)-d)/16,-.5,1)
    t=t*(1-.42*np.clip(ao,0,1))+.03*np.clip(-ao,0,1)
    # soft form: blend between broad (base) and detailed
    t=np.clip(t*1.06-.02,0,1)
    col=ramp(t,st['skin'])
    def tint(w,c,amt):
        nonlocal col
        w=np.clip(w,0,1)[...,None]*amt; col=col*(1-w)+col*hexc(c)*1.25*w
    bl=hexc(st['blush'])
    w=GS(78,58,36,26,1)+G(0,72,24,16,.55)+G(0,172,30,14,.25)+GS(e['x'],-20,34,10,.25)
    ba=.30 if f else .22
    col=col*(1-ba*w[...,None])+(col*.35+bl*.65)*(ba*w[...,None])
    tint(GS(e['x'],13,26,7,1),'#b58a86',.28)                   # under eye
    # nostrils
    ns=R.mask(_nostrils(nw),1.1); col=col*(1-.78*ns[...,None])+hexc(mix(st['skin'][0][1],'#1a0505',.35) if False else '#4a1a14' if f else '#1d0c08')*(.78*ns[...,None])
    und=np.exp(-(U/(26*nw))**2-((V-91)/7)**2); col*=1-.14*und[...,None]
    wing=R.mask(_wings(nw),1.3); col*=1-.30*wing[...,None]*(1-.5*sstep(-10,30,-U))[...,None]
    if st['beard']:
        b=_beard(U,V,A,m,R)*st['beard']
        rng=np.random.default_rng(4); nzv=gf(rng.standard_normal(U.shape),.55*K)*1.6; nzv=np.clip(.86+.26*nzv,0.45,1.2)
        w=np.clip(b*nzv,0,.93)[...,None]; hc=ramp(np.clip(t*.55+.06,0,1),st['hair']); col=col*(1-w)+hc*w
    # spec
    oil=G(-18,-95,70,40,.42)+G(-4,60,13,13,.45)+GS(76,34,34,20,.40)+G(0,168,20,11,.3)+G(-2,20,16,34,.16)
    s=(sp**14*.16+sp**48*.30)*oil
    if st['beard']: s*=1-.8*np.clip(_beard(U,V,A,m,R),0,1)
    col=col+s[...,None]*np.array([1,.93,.86])
    # rim light on right edge & darkened left edge
    rim=np.clip(fr,0,1)**2.2*np.clip(n[...,0],0,1); col=col+rim[...,None]*np.array([1,.80,.66])*(.30 if f else .22)
    if hair_shadow is not None:
        hs=hair_shadow(R); sc=hexc(st['skin'][1][1]); k=(.62*hs*m)[...,None]; col=col*(1-k)+(col*sc*1.15)*k
    out=to_rgba(col,m)
    return R,out,col
def _nostrils(nw):
    p=skia.Path()
    for s in(-1,1):
        q=skia.Path(); q.addOval(skia.Rect.MakeXYWH(-6.0,-2.3,12,4.6)); mm=skia.Matrix(); mm.setRotate(s*-14); mm.postTranslate(s*11.8*nw,83); q.transform(mm); p.addPath(q)
    return p
def _wings(nw):
    p=skia.Path()
    for s in(-1,1):
        o=catmull([(25*nw,64),(29.5*nw,73),(27*nw,82),(19*nw,85)],10); i=catmull([(19*nw,85),(25.5*nw,81),(27.6*nw,73),(25*nw,64)],10)
        P=np.vstack([o,i]); P[:,0]*=s; p.addPath(poly(P))
    return p
def _beard(U,V,A,m,R):
    V=V+6
    line=62+44*np.clip(1-(A-40)/90,0,1)**1.2*1.0         # upper boundary
    side=sstep(0,16,V-(20+ (132-A)*1.05))                      # sideburn->jaw
    jaw=sstep(0,14,V-np.where(A>52,line+8,150-.0*A))
    must=np.exp(-((V-(104+A*.10))/7.5)**4)*(1-sstep(40,54,A))
    gote=sstep(140,150,V)*(1-sstep(40,70,A)*.0)
    link=np.exp(-((A-51)/8)**2)*sstep(100,108,V)
    soul=np.exp(-(U/7)**2)*sstep(139,143,V)
    b=np.maximum.reduce([side*sstep(84,108,A),sstep(-14,10,V-(150-1.15*np.clip(A-48,0,90)+.0*A))*sstep(30,60,A),gote,must*.95,link*.9*(V<152),soul])
    lipclear=1-np.exp(-((A/50)**4))*np.exp(-((V-124)/15.5)**4)
    b=b*lipclear
    return np.clip(R.blur(b,2.2),0,1)

def lit_shape(R,path,ramp_,zmax,bumps=None,wrap=.4,spec=.0,rim=.15,rimc=(1,.9,.8),edge_ao=0,tshift=0,flat=1.0,blur=0):
    m=R.mask(path); z=inflate(m)**flat*zmax
    if bumps is not None: z=z+bumps
    if blur: z=R.blur(z,blur)
    t,sp,fr,n=lit(z,R.K,wrap); t=np.clip(t+tshift,0,1)
    col=ramp(t,ramp_)+(sp**22*spec)[...,None]+(np.clip(fr,0,1)**2*np.clip(n[...,0],0,1)*rim)[...,None]*np.array(rimc)
    return m,col,t

def line_field(R,pts,wd,amp,taper=True):
    """gaussian-ridge bump along polyline"""
    P=resample(catmull(pts,12),40); a,c,_=R.surf()
    for i in range(len(P)-1):
        k=(math.sin(math.pi*(i+.5)/(len(P)-1)) if taper else 1)
        c.drawLine(*map(float,P[i]),*map(float,P[i+1]),skia.Paint(Color=C((1,1,1),k),AntiAlias=True,StrokeWidth=wd,StrokeCap=skia.Paint.kRound_Cap,Style=skia.Paint.kStroke_Style,BlendMode=skia.BlendMode.kLighten))
    return gf(a[...,3].astype(np.float32)/255,wd*.55*R.K)*amp

def neck_pts(st):
    nw=57 if st['gender']=='f' else 78
    return [(nw+8,90),(nw+3,150),(nw,196),(nw+5,232),(nw+22,262),(nw+46,292),(nw+46,470),(0,470)]
def bake_neck(st,K):
    R=Region(-190,80,190,480,K); U,V=R.grid(); A=np.abs(U); f=st['gender']=='f'
    b=np.zeros_like(U)
    for s in(-1,1): b+=line_field(R,[(s*58,180),(s*38,235),(s*12,290)],9,4 if f else 5)
    for s in(-1,1): b+=line_field(R,[(s*150,290),(s*80,300),(s*20,298)],8,4.0)     # clavicle
    b-=np.exp(-(U/12)**2-((V-296)/10)**2)*5
    m,col,t=lit_shape(R,poly(catmull(sym([(0,80)]+neck_pts(st)),10,True)),st['skin'],60,b,.42,rim=.2,blur=1.5,tshift=-.02)
    # chin shadow
    sh=R.mask(poly(catmull(sym([(0,80),(100,90),(100,175),(66,232),(0,262)]),10,True)),9)
    sh2=R.mask(poly(catmull(sym([(0,80),(100,90),(98,155),(58,205),(0,226)]),10,True)),6)
    sc=hexc(st['skin'][1][1]); dk=hexc(st['skin'][0][1])
    sh=np.roll(sh,int(10*K),1); sh2=np.roll(sh2,int(6*K),1)
    col=col*(1-.7*sh[...,None])+(col*.25+sc*.75)*(.7*sh[...,None])
    col=col*(1-.45*sh2[...,None])+(dk*.6+sc*.4)*(.45*sh2[...,None])
    out=to_rgba(col,m)
    if f:
        ch=resample(catmull([(-52,236),(-40,276),(-18,312),(0,324),(18,312),(40,276),(52,236)],12),90)
        a,c,_=R.surf(); B=lambda k:skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle,k)
        c.save(); c.translate(1.5,3); c.drawPath(poly(ch,False),skia.Paint(AntiAlias=True,Style=skia.Paint.kStroke_Style,StrokeWidth=2.2,Color=C(st['skin'][0][1],.45),MaskFilter=B(1.6))); c.drawCircle(0,330,7,skia.Paint(Color=C(st['skin'][0][1],.45),MaskFilter=B(2.2))); c.restore()
        c.drawPath(poly(ch,False),skia.Paint(AntiAlias=True,Style=skia.Paint.kStroke_Style,StrokeWidth=1.5,Color=C('#b98a3a')))
        c.drawPath(poly(ch-.4,False),skia.Paint(AntiAlias=True,Style=skia.Paint.kStroke_Style,StrokeWidth=.7,Color=C('#ffeaa8',.9),PathEffect=skia.DashPathEffect.Make([1.4,1.6],0)))
        c.drawCircle(0,330,5.6,skia.Paint(AntiAlias=True,Shader=skia.GradientShader.MakeRadial(skia.Point(-2,327.5),8.5,[C('#fff6d2'),C('#dcae55'),C('#8a5f1e')],[0,.45,1])))
        out=over(out,a)
    return R,out

def bake_body(st,K):
    S=st['shoulder']; R=Region(-400,190,400,820,K); U,V=R.grid(); A=np.abs(U); f=st['gender']=='f'
    nw=57 if f else 78
    out=np.zeros((R.h,R.w,4),np.uint8)
    def shadow(path,op,bl,dx,dy,c='#000000',clip=None):
        nonlocal out
        mm=np.roll(np.roll(R.mask(path,bl),int(dx*K),1),int(dy*K),0)*op
        if clip is not None: mm=mm*clip
        a=out[...,3:].astype(np.float32)/255; k=mm[...,None]*a
        o=out.astype(np.float32); o[...,:3]=o[...,:3]*(1-k)+hexc(c)*255*a*k; out=o.astype(np.uint8)
    def seam(pts,w=1.1,op=.5,hl=.18,ramp_=None,n=60):
        nonlocal out
        rp=ramp_ or st['jacket']; a,c,_=R.surf(); P=resample(catmull(pts,12),n)
        c.drawPath(poly(P,False),skia.Paint(AntiAlias=True,Style=skia.Paint.kStroke_Style,StrokeWidth=w,StrokeCap=skia.Paint.kRound_Cap,Color=C(mix(rp[0][1],'#000000',.3),op),MaskFilter=skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle,.45)))
        if hl: c.translate(-.9,-1.1) or c.drawPath(poly(P,False),skia.Paint(AntiAlias=True,Style=skia.Paint.kStroke_Style,StrokeWidth=w*.8,Color=C(rp[4][1],hl),MaskFilter=skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle,.4)))
        out=over(out,a)
    jdk=mix(st['jacket'][0][1],'#000000',.35)
    # shirt / tee
    if f: shp=[(0,392),(20,366),(48,326),(70,290),(nw+24,262),(nw+50,276),(120,340),(140,560),(120,820),(0,820)]
    else: shp=[(0,284),(34,279),(62,266),(80,246),(nw+16,243),(nw+40,262),(140,330),(150,560),(130,820),(0,820)]
    P=catmull(sym(shp),10,True); b=np.zeros_like(U)
    if f:
        for s in(-1,1):
            b+=line_field(R,[(s*66,330),(s*30,440),(s*20,560)],12,5)+line_field(R,[(s*84,370),(s*50,480),(s*44,640)],11,-5)+line_field(R,[(s*92,420),(s*66,540),(s*56,680)],11,4)
    else:
        b+=line_field(R,[(-70,330),(-10,352),(60,338)],12,3)+line_field(R,[(-80,380),(0,412),(84,376)],14,-3)+line_field(R,[(-60,470),(10,500),(70,460)],16,3)
    m,col,t=lit_shape(R,poly(P),st['shirt'],46,b,.5,rim=.05,tshift=-.03)
    out=over(out,to_rgba(col,m))
    if f:
        # soft folded neckline band
        for s in(1,-1):
            q=np.vstack([catmull([(s*(nw+26),258),(s*(nw+8),280),(s*46,318),(s*18,358),(s*-3,388)],10),catmull([(s*3,404),(s*28,370),(s*56,330),(s*(nw+20),290),(s*(nw+34),266)],10)])
            shadow(poly(q),.28,4,1,4,'#6b4a3c'); m,col,t=lit_shape(R,poly(q),st['shirt'],5,None,.5,rim=.04,tshift=.02,blur=.8); out=over(out,to_rgba(col,m))
        seam([(0,396),(2,500),(2,640)],1.2,.28,.0,[(0,'#8f7a68')]*5)
        for yy in(430,492,554):
            a,c,_=R.surf(); c.drawCircle(7.5,yy,4.2,skia.Paint(AntiAlias=True,Shader=skia.GradientShader.MakeRadial(skia.Point(6.2,yy-1.6),5.5,[C('#ffffff'),C('#d6c7b8')]))); 
            mm=skia.Path(); mm.addCircle(7.5,yy,4.2); shadow(mm,.35,1.6,1,1.8,'#4a3428'); out=over(out,a)
    else:
        q=np.vstack([catmull([(-nw-14,240),(-68,272),(-36,293),(0,300),(36,293),(68,272),(nw+14,240)],12),catmull([(nw+4,236),(60,261),(33,277),(0,283),(-33,277),(-60,261),(-nw-4,236)],12)])
        shadow(poly(q),.22,3,1,4,'#3a3f4a'); m,col,t=lit_shape(R,poly(q),st['shirt'],5,None,.5,rim=.04,tshift=.0,blur=.8); out=over(out,to_rgba(col,m))
        seam([(-nw-6,250),(-66,277),(-35,297),(0,304),(35,297),(66,277),(nw+6,250)],.9,.25,0,[(0,'#6d7280')]*5)
    top=258 if f else 240
    br=(10,672)   # lapel break (button point)
    # jacket fronts (viewer-right panel overlaps left for f; reverse for m)
    order=(1,-1) if f else (-1,1)
    for s in order:
        front=s==order[1]
        xe=-14 if front else 20
        edge=[(s*(nw+20),top-4),(s*(nw+20),top+40),(s*78,390),(s*54,500),(s*14,650),(s*xe,720),(s*xe,826)]
        outer=[(s*(S+34),826),(s*(S+30),700),(s*(S+24),560),(s*(S+14),460),(s*(S+1),392),(s*(S-22),350),(s*(S-62),322),(s*(S-130),300),(s*(nw+76),280),(s*(nw+44),264)]
        q=np.vstack([catmull(edge,10),catmull(outer,10)])
        b=np.zeros_like(U)
        b+=line_field(R,[(s*(S-66),420),(s*(S-60),520),(s*(S-56),640),(s*(S-58),826)],7,-8,False)     # arm/torso gap
        b+=line_field(R,[(s*(S-52),345),(s*(S-64),385),(s*(S-68),440)],5,-2.5)
        b+=line_field(R,[(s*(S-74),452),(s*(S-110),500),(s*(S-170),580)],9,3.2)+line_field(R,[(s*(S-72),478),(s*(S-112),540),(s*(S-160),640)],8,-2.6)
        b+=line_field(R,[(s*(S-74),600),(s*(S-130),640),(s*(S-200),668)],11,3.0)+line_field(R,[(s*(S-72),640),(s*(S-130),672),(s*(S-210),690)],9,-2.6)
        b+=line_field(R,[(s*(S-50),470),(s*(S-10),520),(s*(S+14),530)],8,2.6)+line_field(R,[(s*(S-54),560),(s*(S-16),610),(s*(S+18),622)],8,-2.6)+line_field(R,[(s*(S-52),600),(s*(S-14),656),(s*(S+18),670)],9,2.6)
        shadow(poly(q),.50,8,-3*s,7,'#05070c')
        m,col,t=lit_shape(R,poly(q),st['jacket'],62,b,.40,spec=.02,rim=.16,blur=1.2,tshift=-.20)
        out=over(out,to_rgba(col,m))
        seam([(s*(S-46),340),(s*(S-58),366),(s*(S-66),420),(s*(S-66),452)],1.3,.55,.16)   # sleeve head seam
        if front: seam([(s*xe+1,690),(s*xe+1,826)],1.2,.5,.2)
    # breast pocket
    if not f:
        a,c,_=R.surf(); P=np.array([(112,520),(190,508),(192,530),(114,542)]); shadow(poly(P),.5,3,1,4,'#05070c',None); m,col,t=lit_shape(R,poly(P),st['jacket'],5,None,.45,tshift=-.13,rim=.1); out=over(out,to_rgba(col,m))
        P=np.vstack([[(120,519)],catmull([(126,496),(138,503),(150,488),(164,500),(178,490),(184,509)],8)]); shadow(poly(P),.25,2,1,2,'#05070c'); m,col,t=lit_shape(R,poly(P),st['shirt'],6,line_field(R,[(150,492),(152,516)],4,-2),.5,tshift=-.03); out=over(out,to_rgba(col,m)); m,col,t=lit_shape(R,poly(np.array([(112,520),(190,508),(192,530),(114,542)])),st['jacket'],5,None,.45,tshift=-.13,rim=.1); out=over(out,to_rgba(col,m))
    # lapels then collar
    for s in order:
        lap=[(s*(nw+14),top+30),(s*(nw+30),top+96),(s*(nw+58),top+118),(s*(nw+100),top+130)]
        tip=(s*(nw+100),top+130)
        lowr=[tip,(s*(nw+82),top+190),(s*(nw+40),560),(s*34,640),(s*br[0],br[1]+8)]
        inn=[(s*(br[0]-4),br[1]+4),(s*30,600),(s*56,500),(s*74,400),(s*(nw+14),top+30)]
        q=np.vstack([catmull(lap,8),catmull(lowr,12),catmull(inn,12)])
        shadow(poly(q),.60,6,3,8,'#020306')
        roll=line_field(R,inn,10,5,False)
        m,col,t=lit_shape(R,poly(q),st['jacket'],9,roll,.42,spec=.03,rim=.10,tshift=-.12,blur=1.2)
        out=over(out,to_rgba(col,m))
        col_=[(s*(nw+2),top-28),(s*(nw+10),top+6),(s*(nw+14),top+34),(s*(nw+32),top+98)]
        cu=[(s*(nw+32),top+98),(s*(nw+56),top+104),(s*(nw+80),top+92)]
        co=[(s*(nw+80),top+92),(s*(nw+70),top+56),(s*(nw+50),top+18),(s*(nw+30),top-10),(s*(nw+14),top-30)]
        q2=np.vstack([catmull(col_,10),catmull(cu,8),catmull(co,10)])
        shadow(poly(q2),.55,5,2,6,'#020306')
        m,col,t=lit_shape(R,poly(q2),st['jacket'],8,line_field(R,col_,8,4,False),.42,spec=.03,rim=.1,tshift=-.10,blur=1.0)
        out=over(out,to_rgba(col,m))
        seam([(s*(nw+30),top+97),(s*(nw+44),top+109),(s*(nw+60),top+117)],1.4,.7,.2)
        # edge stitching highlight
        P=[(s*(nw+98),top+134),(s*(nw+80),top+190),(s*(nw+38),560),(s*33,638)]
        seam([(x-s*3.2,y-1.5) for x,y in P],.7,.30,.16)
    # button
    a,c,_=R.surf(); bx=(-1 if f else 1)*-2; by=700
    pth=skia.Path(); pth.addCircle(bx,by,9.5); shadow(pth,.6,2.5,1.5,3,'#020306')
    c.drawCircle(bx,by,9.5,skia.Paint(AntiAlias=True,Shader=skia.GradientShader.MakeRadial(skia.Point(bx-3,by-4),14,[C(mix(st['jacket'][3][1],'#ffffff',.15)),C(st['jacket'][1][1]),C(st['jacket'][0][1])])))
    c.drawCircle(bx,by,6.6,skia.Paint(AntiAlias=True,Style=skia.Paint.kStroke_Style,StrokeWidth=.9,Color=C(jdk,.5)))
    for dx in(-2,2):
        for dy in(-2,2): c.drawCircle(bx+dx,by+dy,.9,skia.Paint(AntiAlias=True,Color=C(jdk,.9)))
    out=over(out,a)
    # fabric: fine twill
    rng=np.random.default_rng(1); g=gf(rng.standard_normal((R.h,R.w)),.6)*.022
    o=out.astype(np.float32); o[...,:3]=np.clip(o[...,:3]*(1+g[...,None]),0,o[...,3:]); out=o.astype(np.uint8)
    return R,out

def bake_back_collar(st,K):
    f=st['gender']=='f'; nw=57 if f else 78; top=258 if f else 240
    R=Region(-200,190,200,330,K)
    P=catmull([(-nw-16,top-28),(-40,top-44),(0,top-48),(40,top-44),(nw+16,top-28),(nw+20,top+20),(0,top+30),(-nw-20,top+20)],12,True)
    m,col,t=lit_shape(R,poly(P),st['jacket'],10,None,.4,tshift=-.45,rim=.0,blur=1)
    return R,to_rgba(col,m)

def bake_arm(st,K):
    f=st['gender']=='f'; R=Region(-440,-20,-60,900,K); U,V=R.grid(); sc=.86 if f else 1.0
    out=np.zeros((R.h,R.w,4),np.uint8)
    # hand: analytic capsules -> heightfield
    ang=math.radians(4); ox,oy=-222,322
    X=((U-ox)*math.cos(ang)-(V-oy)*math.sin(ang)*-1)/sc; Y=(-(U-ox)*math.sin(ang)+(V-oy)*math.cos(ang))/sc
    def cap(p,q,r0,r1,fl=1.0,z0=0):
        p=np.array(p,float);q=np.array(q,float); d=q-p; t=np.clip(((X-p[0])*d[0]+(Y-p[1])*d[1])/(d@d),0,1); dist=np.hypot(X-p[0]-d[0]*t,Y-p[1]-d[1]*t); r=r0+(r1-r0)*t
        return np.sqrt(np.maximum(r*r-dist*dist,0))*fl+np.where(dist<r,z0,0),(r-dist)
    palm=[((-12,6),(-43,-96),24,17),((-5,2),(-16,-106),26,17.5),((6,2),(11,-110),26,17.5),((14,4),(38,-102),25,17),((0,40),(0,0),31,31)]
    pads=[((22,-14),(44,-58),27,21),((-22,-10),(-38,-58),25,19)]
    fing=[((-45,-98),(-60,-140),14.5,12.5),((-60,-140),(-68,-172),12.5,10.5),((-17,-108),(-23,-165),15.5,13.5),((-23,-165),(-27,-208),13.5,11.3),((11,-112),(13,-175),16,14),((13,-175),(13,-221),14,11.7),((39,-106),(46,-162),15.5,13.5),((46,-162),(50,-203),13.5,11.3),((40,-48),(72,-84),19,15),((72,-84),(86,-122),15,11.5)]
    z=np.zeros_like(U); sd=np.full_like(U,-99)
    for c_ in palm: h,d=cap(*c_,fl=.62); z=np.maximum(z,h); sd=np.maximum(sd,d)
    for c_ in pads: h,d=cap(*c_,fl=.72); z=np.maximum(z,h+1.5*(h>0)); sd=np.maximum(sd,d)
    z=gf(z,3.2*K*sc)
    zf=np.zeros_like(U)
    for c_ in fing: h,d=cap(*c_,fl=.95); zf=np.maximum(zf,h); sd=np.maximum(sd,d)
    z=np.maximum(z,gf(zf,.9*K)); m=np.clip(sd*sc*K+.5,0,1)
    cre=np.zeros_like(U)
    def crease(pts,w,amp):
        nonlocal cre
        P=[(ox+sc*(x*math.cos(ang)-y*math.sin(ang)),oy+sc*(x*math.sin(ang)+y*math.cos(ang))) for x,y in pts]; cre+=line_field(R,P,w,amp)
    crease([(-52,-70),(-20,-74),(14,-86),(30,-104)],2.4,1.5); crease([(50,-74),(16,-66),(-18,-48),(-34,-34)],2.4,1.5); crease([(46,-76),(22,-52),(14,-20),(18,4)],2.6,1.7)
    for (x,y,w,a) in[(-60,-138,10,8),(-23,-160,11,6),(13,-166,12,0),(46,-158,11,-8),(-65,-158,9,8),(-25,-186,10,4),(13,-196,10,0),(48,-183,10,-6)]: crease([(x-w,y+a*.15),(x,y+1.5),(x+w,y-a*.15)],1.8,.9)
    t,sp,fr,n=lit(z*sc-cre,K,.50); ao=np.clip((gf(z,9*K)-z)/14,0,1); t=np.clip(t*(1-.45*ao)-.01,0,1)
    col=ramp(t,st['skin']); pk=np.clip(gf((zf>9).astype(np.float32),8*K)*.5*sstep(-150,-215,Y)+.4*np.exp(-((X-34)/26)**2-((Y+40)/34)**2)+.3*np.exp(-((X+32)/22)**2-((Y+40)/34)**2),0,1)[...,None]*.35
    pal=hexc(st['blush'] if f else '#c08a70'); col=col*(1-pk)+(col*.45+pal*.55)*pk
    if not f: col=col*.72+col*np.array([1.28,1.2,1.15])*.28+.03
    out=over(out,to_rgba(col,m))
    # cuff + sleeve
    w=1.0 if f else 1.12
    cuff=[(-222-40*w,372),(-222-37*w,346),(-222,340),(-222+37*w,344),(-222+41*w,370),(-222+36*w,396),(-222-38*w,398)]
    def sh(path,op,bl,dy,c_):
        nonlocal out
        mm=np.roll(R.mask(path,bl),int(dy*K),0)*op; a=out[...,3:].astype(np.float32)/255; k=mm[...,None]*a; o=out.astype(np.float32); o[...,:3]=o[...,:3]*(1-k)+hexc(c_)*255*a*k; out=o.astype(np.uint8)
    q=poly(catmull(cuff,10,True)); sh(q,.5,5,-4,'#3a1a14'); mm,col,t=lit_shape(R,q,st['shirt'],26,None,.45,tshift=-.04); out=over(out,to_rgba(col,mm))
    sl=[(-222-48*w,392),(-222-47*w,366),(-222-20,359),(-222+20,359),(-222+46*w,364),(-222+50*w,396),(-176+10*w,470),(-182+22*w,580),(-180+30*w,700),(-180+30*w,890),(-430,890),(-410-14*w,660),(-330-16*w,520),(-286-8*w,440)]
    b=line_field(R,[(-262,420),(-230,436),(-190,430)],8,-2.6)+line_field(R,[(-300,500),(-250,530),(-190,520)],11,3.2)+line_field(R,[(-320,540),(-262,580),(-190,566)],10,-3.2)+line_field(R,[(-340,610),(-280,640),(-190,625)],12,3)
    q=poly(catmull(sl,10,True)); sh(q,.5,5,-5,'#05070c'); mm,col,t=lit_shape(R,q,st['jacket'],46,b,.40,spec=.02,rim=.14,tshift=-.17,blur=1.2); out=over(out,to_rgba(col,mm))
    return R,img(out)

def bake_ear(st,K):
    R=Region(-175,-60,175,90,K); out=np.zeros((R.h,R.w,4),np.uint8)
    U,V=R.grid()
    for s in(-1,1):
        P=catmull([(s*104,-16),(s*124,-26),(s*140,-34),(s*155,-28),(s*158,-4),(s*150,24),(s*143,46),(s*133,56),(s*122,52),(s*104,40)],10,True)
        b=line_field(R,[(s*136,-20),(s*149,-20),(s*149,2),(s*142,26)],5,-5)+line_field(R,[(s*133,-2),(s*140,8),(s*135,26)],7,-7)
        m,col,t=lit_shape(R,poly(P),st['skin'],16,b,.42,rim=.1,blur=.8,tshift=-.08)
        bl=hexc(st['blush']); col=col*.86+(col*.4+bl*.6)*.14
        out=over(out,to_rgba(col,m))
    return R,out

# ---- hair
def wave(P,amp,freq,ph=0,start=.25):
    P=resample(catmull(P,12),40); t=np.linspace(0,1,40); d=np.gradient(P,axis=0); d/=np.linalg.norm(d,axis=1,keepdims=True)+1e-6
    n=np.c_[-d[:,1],d[:,0]]; return P+n*(amp*np.sin(t*freq*2*np.pi+ph)*sstep(start,1,t))[:,None]
def lerpg(A,B,s): 
    A=resample(A,40);B=resample(B,40); return A*(1-s)+B*s
def down2(R,a,K):
    R2=Region(R.x0,R.y0,R.x1,R.y1,K); return R2,cv2.resize(a,(R2.w,R2.h),interpolation=cv2.INTER_AREA)
def bake_hair_long(st,K):
    K0,K=K,K*2
    pal=st['hair']; dk=mix(pal[0][1],'#000000',.2)
    RB=Region(-280,-245,280,440,K); aB,c,sB=RB.surf()
    out=catmull([(0,-226),(80,-217),(140,-168),(166,-80),(172,20),(180,120),(200,220),(196,310),(160,366),(100,388),(0,372),(-100,390),(-164,370),(-202,310),(-202,220),(-182,120),(-172,20),(-166,-80),(-140,-168),(-80,-217)],10,True)
    c.drawPath(poly(out),skia.Paint(Color=C(mix(pal[0][1],pal[1][1],.4)),AntiAlias=True))
    for k,(x0,x1,ph) in enumerate([(-185,-95,0),(185,95,1),(-120,-30,2),(120,30,3),(-50,50,1.5)]):
        A=wave([(x0*.7,-120),(x0*.98,40),(x0*1.05,200),(x0*1.03,400)],12,1.6,ph); B=wave([(x1*.7,-120),(x1,40),(x1*1.1,200),(x1*1.15,405)],12,1.6,ph+.5)
        card(c,A,B,hair_tex(pal,40+k,hi=(.35,.72),hi_amp=.12,contrast=.7,root=.3,tip=-.05,ragged=.10,clumps=6,fine=60),shadow=dk)
    U,V=RB.grid(); k=np.exp(-(U/110)**4)*sstep(60,120,V)*.60
    f=aB.astype(np.float32); f[...,:3]*=(1-k)[...,None]; aB=f.astype(np.uint8)
    RF=Region(-280,-255,280,440,K); aF,c,sF=RF.surf()
    px=30
    # part: scalp strip under
    W1,W2=19,1.5
    Lin=wave([(px+2,-122),(-6,-134),(-56,-116),(-98,-68),(-119,-6),(-124,60),(-116,130),(-118,210),(-142,300),(-150,352)],W1,W2,.4,.42)
    Lout=wave([(px+4,-226),(-44,-233),(-124,-192),(-163,-100),(-173,10),(-178,110),(-198,210),(-204,300),(-186,352)],13,W2,.1,.42)
    Rin=wave([(px-1,-122),(62,-126),(98,-92),(118,-30),(126,44),(121,120),(122,200),(140,300),(150,352)],W1,W2,2.7,.42)
    Rout=wave([(px-8,-226),(76,-226),(136,-184),(165,-92),(173,10),(178,110),(196,210),(202,300),(184,352)],13,W2,3.0,.42)
    scal=poly(np.array([(px-8,-222),(px+8,-222),(px+3,-126),(px-2,-126)])); c.drawPath(scal,skia.Paint(Color=C(mix(pal[0][1],st['skin'][0][1],.35)),AntiAlias=True))
    for a,b in((Lin,Lout),(Rin,Rout)):
        n=25; c.drawPath(poly(np.vstack([resample(a,40)[:n],resample(b,40)[:n][::-1]])),skia.Paint(Color=C(pal[1][1]),AntiAlias=True))
    rng=np.random.default_rng(7)
    def lock(A,B,s0,s1,seed,taper,hiamp,dx=0,dy=0,sh=.5):
        a=lerpg(A,B,s0); b=lerpg(A,B,s1); t=np.linspace(0,1,40)
        k=(sstep(.55,1.0,t)*taper)[:,None]; mid=(a+b)/2
        off=np.c_[dx*sstep(.4,1,t),dy*sstep(.5,1,t)]
        a=a*(1-k)+mid*k+off; b=b*(1-k)+mid*k+off
        tex=hair_tex(pal,seed,W=260,clumps=3,fine=34,hi=(.225,.60,.84),hi_w=.08,hi_amp=hiamp,edge=.50,contrast=1.0,ragged=.05,root=.34,edge_rag=.0,tip=.05)
        card(c,a,b,tex,shadow=dk,sh_op=sh,sh_blur=5,sh_off=(-2.5*np.sign(A[-1,0]),3.5))
    def sheet(A,B,seed,outs):
        sg=np.sign(A[-1,0])
        for k,(s0,s1,tp,ha,dx,dy) in enumerate(outs): lock(A,B,s0,s1,seed+k,tp,ha,dx*sg,dy)
    sheet(Rin,Rout,300,[(.74,1.02,.75,.36,10,8),(.52,.86,.8,.50,-2,24),(.60,.95,.85,.40,14,-14),(.30,.62,.8,.44,4,10),(.12,.44,.85,.52,-8,26),(0,.22,.85,.42,-4,-6),(.22,.36,.9,.55,10,30)])
    sheet(Lin,Lout,200,[(.76,1.02,.75,.36,10,6),(.56,.88,.8,.52,0,22),(.66,.96,.85,.40,12,-12),(.38,.68,.8,.46,4,14),(.20,.52,.85,.54,-4,-4),(.10,.32,.85,.46,-10,26),(0,.17,.85,.40,-2,4),(.30,.42,.9,.56,8,34)])
    for k in range(80):
        s=rng.uniform(0,1); side=rng.random()<.55; A,B=(Lin,Lout) if side else (Rin,Rout)
        P=lerpg(A,B,s*1.03-.015); P=P+np.c_[np.sin(np.linspace(0,3,40)+rng.uniform(0,6)),np.zeros(40)]*rng.uniform(1,4)
        i0=rng.integers(0,12); i1=rng.integers(24,38); P=P[i0:i1]
        col=pal[4][1] if rng.random()<.6 else pal[1][1]
        c.drawPath(poly(P,False),skia.Paint(Color=C(col,rng.uniform(.10,.35)),AntiAlias=True,Style=skia.Paint.kStroke_Style,StrokeWidth=rng.uniform(.5,1.0),StrokeCap=skia.Paint.kRound_Cap))
    U,V=RF.grid(); f=aF.astype(np.float32); sh=1-.24*sstep(20,170,U)*(1-sstep(150,175,U)*.4)-.12*sstep(150,330,V)+.10*np.exp(-((U+70)/70)**2-((V+150)/60)**2)-.25*np.exp(-((U-px)/10)**2)*sstep(-118,-150,V)
    f[...,:3]=np.clip(f[...,:3]*sh[...,None],0,f[...,3:]); aF=f.astype(np.uint8)
    U,V=RB.grid(); aB[(V<20)&(np.abs(U)<72)&(V>-140)]=0; aB[(V>350)]=0
    return down2(RB,aB,K0),down2(RF,aF,K0)

def bake_hair_short(st,K):
    K0,K=K,K*2
    pal=st['hair']
    R=Region(-180,-262,180,60,K); U,V=R.grid(); A=np.abs(U)
    right=[(0,-226),(54,-220),(100,-196),(130,-154),(141,-104),(140,-60),(136,-20),(134,14),(127,22),(120,14),(121,-14),(121,-44),(113,-72),(112,-96),(98,-114),(60,-123),(0,-126)]
    rr=np.array(right,float); cap=np.vstack([catmull(rr[:8],10),catmull(rr[7:14],10),catmull(rr[13:],10)]); cap=np.vstack([cap,mirror(cap)[::-1]])
    m=R.mask(poly(cap)); rng=np.random.default_rng(3)
    n=gf(rng.standard_normal(m.shape),1.5*K); n/=n.std()
    soft=R.blur(m,2.2); top=sstep(-90,-140,V)
    mm=sstep(.34,.66,soft+.12*n*top)
    # drop islands
    nl,lab,stt,_=cv2.connectedComponentsWithStats((mm>.3).astype(np.uint8)); big=1+np.argmax(stt[1:,4]); mm=mm*cv2.dilate((lab==big).astype(np.uint8),np.ones((3,3)))
    z=inflate(m,3,3*K)*52
    t,sp,fr,nn=lit(z,K,.30)
    bt=np.clip(t*.62-.06,0,1)
    col=ramp(bt*.55,pal); base=to_rgba(col,mm)
    a,c,_=R.surf(); c.drawImage(img(base),R.x0,R.y0) if False else None
    a[:]=base
    # curls
    pts=[]
    for k in range(5200):
        u=rng.uniform(-150,150); v=rng.uniform(-245,25); i=int((v-R.y0)*K); j=int((u-R.x0)*K)
        if not(0<=i<R.h and 0<=j<R.w) or mm[i,j]<.6: continue
        pts.append((u,v,t[i,j]))
    rng.shuffle(pts)
    for u,v,tt in pts:
        sz=rng.uniform(2.2,4.2)*(1 if v<-120 else .62); ph=rng.uniform(0,360); hl=rng.random()
        b=np.clip(.16+.95*tt**1.4*(.35+.85*hl**1.5)-.05,0,1)
        cc=ramp(np.array(b),pal)
        al=.75*(1 if v<-95 else max(.25,1-.65*sstep(-95,10,v)))
        c.drawArc(skia.Rect.MakeXYWH(u-sz,v-sz*.85,2*sz,1.7*sz),ph,rng.uniform(150,250),False,skia.Paint(Color=C(cc,al),AntiAlias=True,Style=skia.Paint.kStroke_Style,StrokeWidth=rng.uniform(.8,1.4),StrokeCap=skia.Paint.kRound_Cap))
    out=a.astype(np.float32)
    fade=1-.70*sstep(-92,18,V)*sstep(-1,1,(137-A)); fade*=1
    nz=gf(rng.standard_normal(m.shape),.7*K); nz/=nz.std(); dens=np.clip(fade+.30*nz*(1-fade),0,1)
    # soft hairline
    front=sstep(0,7,(V*-1-129)+7) 
    out*=dens[...,None]
    return (None,None),down2(R,out.astype(np.uint8),K0)

def bake_iris(st):
    N=160; y,x=np.mgrid[0:N,0:N].astype(np.float32); x=(x+.5)/N*2-1;y=(y+.5)/N*2-1; r=np.hypot(x,y); th=np.arctan2(y,x)
    rng=np.random.default_rng(2); ang=(th+np.pi)/(2*np.pi)*719; f=noise1(720,90,rng)*.5+noise1(720,34,rng)*.6; f[-40:]=f[-40:]*np.linspace(1,0,40)+f[:40]*np.linspace(0,1,40)
    fib=np.interp(ang+6*r,np.arange(720),f)
    d,mid,l=[hexc(c) for c in st['iris']]
    tt=np.clip(.52+.16*fib*sstep(.3,.6,r)+.42*y-.25*sstep(.72,.97,r)+.22*np.exp(-((r-.45)/.12)**2),0,1)
    col=np.where(tt[...,None]<.5,d+(mid-d)*(tt*2)[...,None],mid+(l-mid)*(tt*2-1)[...,None])
    col=col*(1-.75*sstep(.80,1.0,r))[...,None]
    pu=1-sstep(.36,.43,r); col=col*(1-pu[...,None])+np.array([.02,.015,.015])*pu[...,None]
    return img(to_rgba(col,1-sstep(.95,1.0,r)))

def bake_brow(st,K):
    """brow sprite (right side of the screen) in local coords s in -50..50"""
    b=st['brow']; R=Region(-60,-30,60,30,K*1.3); a,c,_=R.surf(); rng=np.random.default_rng(5)
    L=46*b['len']; th=b['th']; n=int(230*b['dens'])
    X=lambda s:-L+2*L*s
    mid=lambda s: -b['arch']*np.exp(-((s-.66)/.33)**2)*1.25+ (s-.5)*b['tilt']+ 11*np.clip(s-.72,0,1)**1.5
    tk=lambda s: th*(.70+.42*sstep(0,.22,s)-.12*s)*(1-sstep(.5,1.0,s)*.88)
    S=np.linspace(0,1,40); shape=np.vstack([np.c_[X(S),mid(S)-tk(S)/2],np.c_[X(S),mid(S)+tk(S)/2][::-1]])
    c.drawPath(poly(shape),skia.Paint(Color=C(st['brow_c'],.50),AntiAlias=True,MaskFilter=skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle,2.0)))
    for i in range(n):
        s=rng.random()**.9; o=rng.uniform(-.5,.5); x=X(s); y=mid(s)+tk(s)*o
        ang=(-52+40*sstep(0,.35,s)+ 34*sstep(.6,.95,s))+o*26*-1*(1 if s>.2 else .3); ang=math.radians(ang+rng.uniform(-7,7)); ln=rng.uniform(6,10.5)*(1-.3*s)*(.6+.4*sstep(0,.15,s))
        x1=x+ln*math.cos(ang);y1=y+ln*math.sin(ang); 
        p=skia.Path(); p.moveTo(x-ln*.2*math.cos(ang),y-ln*.2*math.sin(ang)); p.quadTo((x+x1)/2,(y+y1)/2-1,x1,y1)
        c.drawPath(p,skia.Paint(Color=C(mix(st['brow_c'],st['hair'][3][1],rng.uniform(0,.45)),rng.uniform(.3,.75)*(.45+.55*sstep(0,.18,s))),AntiAlias=True,Style=skia.Paint.kStroke_Style,StrokeWidth=rng.uniform(.7,1.3),StrokeCap=skia.Paint.kRound_Cap))
    return R,a

# ------------------------------------------------------------------ mesh layer
class Mesh:
    def __init__(s,R,rgba,nx,ny,crop=True):
        if crop:
            ys=np.nonzero(rgba[...,3].max(1))[0]; xs=np.nonzero(rgba[...,3].max(0))[0]
            y0,y1,x0,x1=ys[0],ys[-1]+1,xs[0],xs[-1]+1
        else: y0,y1,x0,x1=0,rgba.shape[0],0,rgba.shape[1]
        gx=np.linspace(x0,x1,nx+1); gy=np.linspace(y0,y1,ny+1); GX,GY=np.meshgrid(gx,gy)
        s.u=(R.x0+GX/R.K).ravel(); s.v=(R.y0+GY/R.K).ravel()
        s.tex=[skia.Point(float(a),float(b)) for a,b in zip(GX.ravel(),GY.ravel())]
        idx=[]
        for j in range(ny):
            for i in range(nx):
                a=j*(nx+1)+i
                # skip fully transparent cells
                if rgba[int(gy[j]):int(math.ceil(gy[j+1])),int(gx[i]):int(math.ceil(gx[i+1])),3].max()==0: continue
                idx+=[a,a+1,a+nx+1,a+1,a+nx+2,a+nx+1]
        s.idx=idx; s.image=img(rgba)
        s.paint=skia.Paint(Shader=s.image.makeShader(skia.TileMode.kClamp,skia.TileMode.kClamp,skia.SamplingOptions(skia.FilterMode.kLinear)),AntiAlias=False)
    def draw(s,c,x,y):
        v=skia.Vertices(skia.Vertices.kTriangles_VertexMode,[skia.Point(a,b) for a,b in zip(x.tolist(),y.tolist())],s.tex,None,s.idx)
        c.drawVertices(v,s.paint,skia.BlendMode.kSrcOver)

class Warp:
    """cached layer image re-projected by an inverse map solved on a coarse node grid (fixed point, warm started) + cv2.remap"""
    def __init__(s,pup,R,rgba,g=12,iters=3,margin=46,thr=.12):
        s.thr=thr
        ys=np.nonzero(rgba[...,3].max(1))[0]; xs=np.nonzero(rgba[...,3].max(0))[0]
        y0,y1,x0,x1=ys[0],ys[-1]+1,xs[0],xs[-1]+1
        s.src=np.ascontiguousarray(rgba[y0:y1,x0:x1]); s.K=R.K; s.u0=R.x0+x0/R.K; s.v0=R.y0+y0/R.K
        cs=pup.cs; px0=max(0,int(pup.cx+(s.u0-margin)*cs)); py0=max(0,int(pup.cy+(s.v0-margin)*cs))
        px1=min(pup.W,int(pup.cx+(R.x0+x1/R.K+margin)*cs)+1); py1=min(pup.H,int(pup.cy+(R.y0+y1/R.K+margin)*cs)+1)
        s.px,s.py=px0,py0; nw=-(-(px1-px0)//g); nh=-(-(py1-py0)//g); s.g=g; s.dw,s.dh=px1-px0,py1-py0; s.nw,s.nh=nw,nh
        nw+=2; nh+=2; s.nw,s.nh=nw,nh; X,Y=np.meshgrid(px0+(np.arange(nw)-.5)*g,py0+(np.arange(nh)-.5)*g)
        s.tx=((X-pup.cx)/cs).ravel(); s.ty=((Y-pup.cy)/cs).ravel(); s.u=s.tx.copy(); s.v=s.ty.copy(); s.iters=iters; s.first=True; s.last=None
        s.node=np.empty((nh,nw,2),np.float32); s.map=np.empty((nh*g,nw*g,2),np.float32); s.out=np.empty((s.dh,s.dw,4),np.uint8)
        # active tile runs: where (dilated) layer alpha can land; empty tiles are never remapped or blended
        al=cv2.warpAffine(s.src[...,3],np.float32([[1,0,(s.u0*cs+pup.cx)-px0],[0,1,(s.v0*cs+pup.cy)-py0]]),(s.dw,s.dh)) if abs(R.K-cs)<1e-6 else np.full((s.dh,s.dw),255,np.uint8)
        k=int(min(margin,40)*cs)|1; al=cv2.dilate(al,np.ones((k,k),np.uint8)); s.runs=[]; nx,ny=10,12
        xs_=np.linspace(0,s.dw,nx+1).astype(int); ys_=np.linspace(0,s.dh,ny+1).astype(int); prev=[]
        for j in range(ny):
            row=[]; st_=None
            for i in range(nx+1):
                on=i<nx and al[ys_[j]:ys_[j+1],xs_[i]:xs_[i+1]].any()
                if on and st_ is None: st_=xs_[i]
                if not on and st_ is not None: row.append([st_,xs_[i]]); st_=None
            if prev and [q[:2] for q in prev]==row:
                for q in prev: q[3]=ys_[j+1]
            else:
                prev=[[a_,b_,ys_[j],ys_[j+1]] for a_,b_ in row]; s.runs+=prev
        s.rects=[skia.Rect.MakeLTRB(int(a_),int(c_),int(b_),int(d_)) for a_,b_,c_,d_ in s.runs]
        s.region=skia.Region()
        for a_,b_,c_,d_ in s.runs: s.region.op(skia.IRect.MakeLTRB(int(a_)+px0,int(c_)+py0,int(b_)+px0,int(d_)+py0),skia.Region.kUnion_Op)
        s.frac=sum((b_-a_)*(d_-c_) for a_,b_,c_,d_ in s.runs)/(s.dw*s.dh)
    def draw(s,c,F):
        for _ in range(s.iters if not s.first else 12):
            x,y=F(s.u,s.v); s.u+=(s.tx-x); s.v+=(s.ty-y)
        s.first=False
        s.node[...,0]=((s.u-s.u0)*s.K-.5).reshape(s.nh,s.nw); s.node[...,1]=((s.v-s.v0)*s.K-.5).reshape(s.nh,s.nw)
        if s.last is not None and float(np.abs(s.node-s.last).max())<s.thr:
            s.blit(c); return
        s.last=s.node.copy()
        cv2.resize(s.node,(s.nw*s.g,s.nh*s.g),dst=s.map,interpolation=cv2.INTER_LINEAR)
        M=s.map[s.g:s.g+s.dh,s.g:s.g+s.dw]
        for x0,x1,y0,y1 in s.runs: cv2.remap(s.src,M[y0:y1,x0:x1],None,cv2.INTER_LINEAR,dst=s.out[y0:y1,x0:x1],borderMode=cv2.BORDER_CONSTANT,borderValue=(0,0,0,0))
        s.cim=skia.Image.fromarray(s.out,skia.kRGBA_8888_ColorType,skia.kPremul_AlphaType,None,False)
        s.blit(c)
    def blit(s,c):
        if len(s.rects)==1: c.drawImage(s.cim,s.px,s.py); return
        c.save(); c.clipRegion(s.region); c.drawImage(s.cim,s.px,s.py); c.restore()

def spt(P):
    return [skia.Point(x,y) for x,y in P.tolist()]
# ------------------------------------------------------------------ puppet
class Puppet:
    def __init__(s,st,W,H,quality=1.0,scale=None):
        s.st=st; s.W,s.H=W,H; s.bare=scale is not None
        if scale is not None: s.cs=scale; s.cx,s.cy=W/2,H*.345
        elif H>W*1.3: s.cs=1.17*W/720; s.cx,s.cy=W/2,H*.345
        else: s.cs=W/625; s.cx,s.cy=W/2,H*.46
        K=s.cs*quality; s.K=K
        t0=time.time()
        if st['hairstyle']=='long': (RB,aB),(RF,aF)=bake_hair_long(st,K)
        else: (RB,aB),(RF,aF)=bake_hair_short(st,K)
        def hs(R):
            full=np.zeros((R.h,R.w),np.float32); m=aF[...,3].astype(np.float32)/255
            M=np.float32([[1,0,(RF.x0-R.x0)*K+5*K],[0,1,(RF.y0-R.y0)*K+10*K]]); full=cv2.warpAffine(m,M,(R.w,R.h)); return gf(full,9*K)
        Rf,af,colf=bake_face(st,K,hs)
        g=12 if W<600 else 16; s.face=Warp(s,Rf,af,g,5,34); s.hairF=Warp(s,RF,aF,g,3,30)
        s.hairB=Warp(s,RB,aB,2*g,3,20,.3) if aB is not None else None
        Rn,an=bake_neck(st,K); s.neck=Warp(s,Rn,an,g,3,20)
        Rb,ab=bake_body(st,K)
        if st['hairstyle']=='long':
            m_=aF[...,3].astype(np.float32)/255; M=np.float32([[1,0,(RF.x0-Rb.x0)*K+6*K],[0,1,(RF.y0-Rb.y0)*K+9*K]]); hm=gf(cv2.warpAffine(m_,M,(Rb.w,Rb.h)),6*K)*.55
            fb=ab.astype(np.float32); fb[...,:3]*=(1-hm)[...,None]; ab=fb.astype(np.uint8)
        s.hand=bake_arm(st,K); s.body=Warp(s,Rb,ab,48,2,8,.25); s.bcol=Warp(s,*bake_back_collar(st,K),24,2,8)
        s.ear=Warp(s,*bake_ear(st,K),g,3,24) if st['hairstyle']=='short' else None
        Rw,aw=bake_brow(st,K); s.browR=Mesh(Rw,aw,8,2,False); s.iris=bake_iris(st)
        s.bg=s.bake_bg(); s.copyp=skia.Paint(BlendMode=skia.BlendMode.kSrc); 
        def samp(u,v): return colf[int((v-Rf.y0)*K),int((u-Rf.x0)*K)].copy()
        e=st['eye']; s.lidc={sd:(samp(sd*e['x'],-26),samp(sd*e['x'],20)) for sd in(-1,1)}
        s.cheekc=samp(0,140)
        s.surfarr=np.zeros((H,W,4),np.uint8); s.surf=skia.Surface.MakeRasterDirect(skia.ImageInfo.Make(W,H,skia.kRGBA_8888_ColorType,skia.kPremul_AlphaType),s.surfarr)
        s.bake_s=time.time()-t0
    def bake_bg(s):
        W,H=s.W,s.H; y,x=np.mgrid[0:H,0:W].astype(np.float32); a,b,c=[hexc(k) for k in s.st['bg']]
        cx,cy=W*.42,H*.30; r=np.hypot((x-cx)/W,(y-cy)/H*min(1.0,H/W*.75)); t=np.clip(r/.95,0,1)
        col=np.where((t<.5)[...,None],a+(b-a)*(t*2)[...,None],b+(c-b)*(t*2-1)[...,None])
        a4=np.zeros((H,W,4),np.uint8); sf=skia.Surface.MakeRasterDirect(skia.ImageInfo.Make(W,H,skia.kRGBA_8888_ColorType,skia.kPremul_AlphaType),a4); cv=sf.getCanvas(); q=W/720
        def blob(pts,al,bl,cc='#ffffff'): cv.drawPath(poly(np.array(pts)*[W,H]),skia.Paint(Color=C(cc,al),AntiAlias=True,MaskFilter=skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle,bl*q)))
        for k,(x0,wd) in enumerate([(-.10,.17),(.11,.17),(.32,.10)]): blob([(x0,-.05),(x0+wd,-.05),(x0+wd-.22,.75),(x0-.22,.75)],.30-.07*k,16)
        blob([(.80,.06),(1.1,.06),(1.1,.62),(.80,.62)],.16,12,s.st['bg'][2]); blob([(.835,.09),(1.1,.09),(1.1,.59),(.835,.59)],.28,9,s.st['bg'][0])
        k=a4[...,3:].astype(np.float32)/255; col=col*(1-k)+a4[...,:3].astype(np.float32)/255
        vg=1-.13*sstep(.55,1.15,np.hypot((x-W*.5)/W*1.3,(y-H*.42)/H*1.25)); col=col*vg[...,None]
        col+=np.random.default_rng(0).normal(0,.004,(H,W,1))
        return img(to_rgba(col.astype(np.float32),np.ones((H,W),np.float32)))
    # --- transforms
    def setup(s,r):
        s.cyaw,s.syaw=math.cos(math.radians(r.yaw)),math.sin(math.radians(r.yaw)); s.cp,s.sp=math.cos(math.radians(r.pitch)),math.sin(math.radians(r.pitch))
        s.cr,s.sr=math.cos(math.radians(r.roll)),math.sin(math.radians(r.roll)); s.r=r
        s.hx=r.sway*10+r.yaw*.55; s.hy=-2.2*r.breath+r.nod*4
        s.G=44*r.open*(1+.15*r.round); s.jaw=.56*s.G*(1-.35*r.round)
    def head(s,u,v,z):
        x=u*s.cyaw+z*s.syaw; z2=-u*s.syaw+z*s.cyaw
        y=(v-PIV[1])*s.cp-z2*s.sp; z3=(v-PIV[1])*s.sp+z2*s.cp
        k=1+z3/1500; x=x*k; y=y*k
        X=x*s.cr-y*s.sr; Y=x*s.sr+y*s.cr
        return X+s.hx,Y+PIV[1]+s.hy
    def bodyxf(s,u,v):
        r=s.r; k=sstep(820,240,v); rise=-3.0*r.breath*sstep(820,330,v); spread=1+.006*r.breath*np.exp(-((v-430)/120)**2)
        return u*spread+r.sway*6*k+r.roll*.25*k, v+rise+np.abs(u)/300*r.sway*0+u/300*r.sway*3
    def facedef(s,u,v):
        r=s.r; a=np.abs(u)
        w=sstep(112,168,v)*(1-.5*np.clip(a/125,0,1)**2)
        dv=s.jaw*w
        sm=max(0,r.smile)
        g=np.exp(-((a-66)/34)**2-((v-78)/34)**2)
        dv=dv-5.5*sm*g; du=np.sign(u)*(3.2*sm*g-.035*a*r.open*sstep(70,150,v)*.8)
        return u+du,v+dv
    def P(s,u,v,dz=0):
        u=np.asarray(u,float);v=np.asarray(v,float); return s.head(u,v,zface(u,v)+dz)
    def path(s,X,Y,close=True):
        p=skia.Path(); p.addPoly(list(map(skia.Point,np.asarray(X,float).tolist(),np.asarray(Y,float).tolist())),close); return p
    # --- render
    def render(s,r):
        CSC[0]=s.cs; s.setup(r); c=s.surf.getCanvas()
        if s.bare: c.clear(0)
        else: c.drawImage(s.bg,0,0,skia.SamplingOptions(),s.copyp)
        def soft(zf,w0,w1):
            def F(u,v):
                hx,hy=s.head(u,v,zf(u,v)); bx,by=s.bodyxf(u,v); w=sstep(w1,w0,v); return hx*w+bx*(1-w),hy*w+by*(1-w)
            return F
        if s.hairB: s.hairB.draw(c,soft(lambda u,v:-70.,60,430))
        s.bcol.draw(c,s.bodyxf)
        s.neck.draw(c,soft(lambda u,v:-5.,110,270))
        s.body.draw(c,s.bodyxf)
        if s.ear: s.ear.draw(c,lambda u,v:s.head(u,v,8-.55*(np.abs(u)-126)))
        s.face.draw(c,lambda u,v:s.faceF(u,v))
        c.save(); c.translate(s.cx,s.cy); c.scale(s.cs,s.cs)
        s.mouth(c)
        for sd in(-1,1): s.eye(c,sd)
        for sd in(-1,1): s.brow(c,sd)
        c.restore()
        s.hairF.draw(c,soft(lambda u,v:np.maximum(zface(u,np.minimum(v,60))*.92+14,-10),120,440))
        if r.wave>.01:
            R,im=s.hand; c.save(); c.translate(s.cx,s.cy); c.scale(s.cs,s.cs); c.translate(0,(1-sstep(0,1,r.wave))*620-2*r.breath); c.rotate(r.wave_ang+18*(1-r.wave),-330,640); c.translate(R.x0,R.y0); c.scale(1/R.K,1/R.K); c.drawImage(im,0,0,skia.SamplingOptions(skia.FilterMode.kLinear)); c.restore()
        return s.surfarr
    def faceF(s,u,v):
        u2,v2=s.facedef(u,v); return s.head(u2,v2,zface(u,v))
    def brow(s,c,sd):
        b=s.st['brow']; e=s.st['eye']; r=s.r; val=r.brow_l if sd<0 else r.brow_r; m=s.browR
        t=(m.u+46)/92; u=e['x']+1+m.u; v=m.v+b['y']-val*11+ r.brow_in*(-9*(1-t)+3*t) +2.2*r.squint - 1.0*(val*4*np.sin(np.pi*np.clip(t,0,1)))
        u=u-np.maximum(0,-r.brow_in)*4*(1-t)
        m.draw(c,*s.P(sd*u,v,2))
    def eye(s,c,sd):
        st=s.st; e=st['eye']; r=s.r; bl=np.clip(r.blink_l if sd<0 else r.blink_r,0,1); val=r.brow_l if sd<0 else r.brow_r
        N=19; t=np.sin(np.linspace(-1,1,N)*np.pi/2)      # -1 inner .. 1 outer
        w=e['w']; x=e['x']+w*t; tilt=-e['tilt']*t+.8
        up=e['up']*(1+.10*max(0,val)-.18*r.squint - .10*max(0,-r.gaze_y) *-1*0 + (.10*r.gaze_y*-1 if r.gaze_y<0 else -.22*r.gaze_y))
        tt=t-e['skew']*(1-t*t); shp=np.clip(1-tt**2,0,1)**.72*(1-.06*t)
        tl=t-.16*(1-t*t); lshp=np.clip(1-tl**2,0,1)**.85
        lo=e['lo']*(1-.35*r.squint-.25*max(0,r.smile-.3))
        yup0=e['y']+tilt-up*shp; ylo=e['y']+tilt+lo*lshp
        ycl=e['y']+tilt+ (lo*.62)*lshp+1.0
        yup=yup0*(1-bl)+ycl*bl; ylo=ylo*(1-.25*bl)+(e['y']+tilt+lo*.75*lshp)*.25*bl
        X1,Y1=s.P(sd*x,yup,-2); X2,Y2=s.P(sd*x,ylo,-2)
        open_=float(np.max(ylo-yup))
        sk0,sk1=s.lidc[sd]; dk=hexc(st['skin'][1][1]); dd=hexc(st['skin'][0][1])
        # ---- eyeball
        if open_>1.6:
            opn=s.path(np.r_[X1,X2[::-1]],np.r_[Y1,Y2[::-1]])
            c.save(); c.clipPath(opn,True)
            top=float(Y1.min()); bot=float(Y2.max()); 
            wh=mix(hexc('#fbf6f2'),hexc(st['skin'][4][1]),.12)
            c.drawPaint(skia.Paint(Shader=skia.GradientShader.MakeLinear([skia.Point(0,top),skia.Point(0,bot)],[C(wh*np.array([.70,.66,.68])),C(wh*.97),C(wh*np.array([.93,.88,.87]))],[0,.5,1])))
            # caruncle
            cxp,cyp=s.P(sd*(e['x']-w*.93),e['y']+e['tilt']+1.2,-2); cc='#d98a7c' if st['gender']=='f' else '#9a5a4c'; c.drawCircle(float(cxp),float(cyp),6.2,skia.Paint(AntiAlias=True,Shader=skia.GradientShader.MakeRadial(skia.Point(float(cxp),float(cyp)),6.2,[C(cc,.9),C(cc,.75),C(cc,0)],[0,.5,1])))
            gx=r.gaze_x*9.5-r.yaw*.0; gy=r.gaze_y*6.0
            ix,iy=s.P(sd*e['x']+gx,e['y']-2.6+gy,0); R=e['iris']; fx=math.cos(math.asin(np.clip((gx+ r.yaw*.25)/26,-.9,.9)))
            c.save(); c.translate(float(ix),float(iy)); c.scale(fx,1); 
            c.drawCircle(0,0,R+.9,skia.Paint(Color=C('#3a2a28',.22),AntiAlias=True))
            c.drawImageRect(s.iris,skia.Rect.MakeXYWH(-R,-R,2*R,2*R),skia.SamplingOptions(skia.FilterMode.kLinear,skia.MipmapMode.kLinear)); c.restore()
            # lid shadow on ball
            s.strip(c,X1,Y1-1,X1,Y1+10+.12*open_,'#2a1512',.85)
            # catchlights
            a=float(np.clip(open_/12,0,1))
            c.drawOval(skia.Rect.MakeXYWH(float(ix)-R*.52,float(iy)-R*.60,R*.46,R*.46),skia.Paint(Color=C((1,1,1),.95*a),AntiAlias=True))
            c.drawOval(skia.Rect.MakeXYWH(float(ix)+R*.22,float(iy)+R*.30,R*.24,R*.20),skia.Paint(Color=C((1,1,1),.50*a),AntiAlias=True))
            c.restore()
        # ---- upper lid skin (crease -> lid line)
        crg=(7.5 if st['gender']=='f' else 5.5); ycr=yup0-crg*(1-.25*np.abs(t)**2)+2.0*bl
        Xc,Yc=s.P(sd*(e['x']+(w+1.5)*t),ycr,-2)
        lid=s.path(np.r_[X1,Xc[::-1]],np.r_[Y1,Yc[::-1]])
        lt=mix(sk0,dk,.30); lm=mix(sk0,hexc(st['skin'][4][1]),.25)
        c.drawPath(lid,skia.Paint(AntiAlias=True,Shader=skia.GradientShader.MakeLinear([skia.Point(0,float(Yc.min())),skia.Point(0,float(Y1.max()))],[C(mix(sk0,dk,.55)),C(mix(lm,sk0,.4)),C(lt)],[0,.5,1]),MaskFilter=MB(.7)))
        # crease line
        cw=np.sin(np.pi*np.clip((t+1.02)/2.04,0,1))**.8*1.5+.2
        c.drawPath(s.path(np.r_[Xc,Xc[::-1]],np.r_[Yc-cw*.5,(Yc+cw*.5)[::-1]]),skia.Paint(Color=C(dd,.55-.2*bl),AntiAlias=True,MaskFilter=MB(.6)))
        # ---- lash line
        f=st['lash']; th=(1.0+ (2.6*f)*sstep(-1,.7,t)+.5)*(1-.55*sstep(.9,1,t))
        ext=3.8*f; Xl=np.r_[X1,X1[-1]+sd*ext*s.cyaw]; Yl=np.r_[Y1,Y1[-1]-ext*.62*(1-1.3*bl)]; th=np.r_[th,.2]
        c.drawPath(s.path(np.r_[Xl,Xl[::-1]],np.r_[Yl-th*.85,(Yl+th*.35)[::-1]]),skia.Paint(Color=C(st['lash_c'],.95),AntiAlias=True))
        lp=skia.Path(); dirn=-1+1.75*bl
        for q in np.linspace(.50,.985,int(8*max(f,.0))) if f>.6 else []:
            k=q*(N-1); i=int(k); fr=k-i; i2=min(i+1,N-1); px=X1[i]*(1-fr)+X1[i2]*fr; py=Y1[i]*(1-fr)+Y1[i2]*fr
            ln=(1.0+6.6*q**1.8)*f; ax=sd*(-.25+1.05*q); ay=dirn*(1-.25*q)
            nx,ny=px+ax*ln,py+ay*ln; qx,qy=px+ax*ln*.55,py+ay*ln*.38
            lp.moveTo(px-.8,py); lp.quadTo(qx-.5,qy,nx,ny); lp.quadTo(qx+.5,qy,px+.8,py); lp.close()
        c.drawPath(lp,skia.Paint(Color=C(st['lash_c'],.9),AntiAlias=True))
        c.drawPath(s.path(X2[2:-1],Y2[2:-1]-.7,False),skia.Paint(Color=C('#f0b9a8' if st['gender']=='f' else '#a87360',.75*(1-bl)),AntiAlias=True,Style=skia.Paint.kStroke_Style,StrokeWidth=1.3))
        # lower lid line + rim
        c.drawPath(s.path(X2[3:],Y2[3:]+.4,False),skia.Paint(Color=C(mix(st['lash_c'],dk,.45),.55),AntiAlias=True,Style=skia.Paint.kStroke_Style,StrokeWidth=1.0,StrokeCap=skia.Paint.kRound_Cap))
    def mouth(s,c):
        st=s.st; L=st['lip']; r=s.r; cy=118.0; N=27
        t=np.sin(np.linspace(-1,1,N)*np.pi/2)
        W=L['w']*(1+.20*r.width+.10*max(0,r.smile)-.46*r.round-.04*r.open)
        G=s.G; m=.92-.40*r.round-.10*min(1,r.open)
        prof=np.clip(1-t*t,0,1)**m
        corner=cy-1.5-13.0*r.smile*(1-.5*r.round)+.22*G*(1-.6*r.round)
        yc=cy+(corner-cy)*np.abs(t)**1.7+1.1*np.exp(-(t/.22)**2)*(1-r.round)
        ku=.14+.24*r.round; yu=yc-prof*(ku*G+5.5*r.upper); yl=yc+prof*((1-ku)*G+1.0*r.upper)
        if r.tuck>0: yl=yl-prof*4.0*r.tuck
        yl=np.maximum(yl,yu)
        Tu=L['u']*(1-.10*r.open-.30*r.press-.22*r.upper*.6-.22*max(0,r.smile-.3)+.12*r.round); Tl=L['l']*(1-.10*r.open-.28*r.press-.42*r.tuck-.18*max(0,r.smile-.3)+.10*r.round)
        at=np.abs(t); bow=1-.20*np.exp(-(t/.15)**2)+.10*np.exp(-((at-.27)/.16)**2)
        eu=1.45+.9*r.round; el=1.85+.6*r.round
        ou=yu-Tu*np.clip(1-at**eu,0,1)**(1.0-.25*r.round)*bow-.5; ol=yl+Tl*np.clip(1-at**el,0,1)**(.95-.25*r.round)+.4
        dz=6+9*r.round*(1-at)
        X,YU=s.P(W*t,yu,dz); _,YL=s.P(W*t,yl,dz); XO,YO=s.P((W+2.5)*t,ou,dz-1); XO2,YO2=s.P((W+2.0)*t,ol,dz-1)
        inner=s.path(np.r_[X,X[::-1]],np.r_[YU,YL[::-1]])
        gap=float(np.max(yl-yu)); d,mi,li=[hexc(q) for q in st['lipc']]; f=st['gender']=='f'
        B=MB
        if r.smile>.3:
            k=min(1,(r.smile-.3)/.7)*(.09 if f else .22)
            for sd in(-1,1):
                fx_=np.array([32,38,45,51,W+11]); fy=np.array([74,81,89,97,corner-6]); FX,FY=s.P(sd*catmull(np.c_[fx_,fy],6)[:,0],catmull(np.c_[fx_,fy],6)[:,1],4)
                for wd_,q in((7,.35),(4.2,.35),(2,.45)): c.drawPath(s.path(FX,FY,False),skia.Paint(Color=C(st['skin'][1][1],k*q),AntiAlias=True,Style=skia.Paint.kStroke_Style,StrokeWidth=wd_,StrokeCap=skia.Paint.kRound_Cap))
        # soft contact shadow under lower lip
        bx,by=s.P(0.,float(ol[N//2])+4.5,4); 
        c.save(); c.translate(float(bx),float(by)); c.rotate(r.roll); s.glow(c,0,0,W*.66,9,st['skin'][1][1],.5); c.restore()
        if gap>1.2:
            c.save(); c.clipPath(inner,True)
            ty,by_=float(YU.min()),float(YL.max())
            c.drawPaint(skia.Paint(Shader=skia.GradientShader.MakeLinear([skia.Point(0,ty),skia.Point(0,by_)],[C('#2a0a0c'),C('#4d1517'),C('#6d2422')],[0,.55,1])))
            tw=W*.96
            def tongue():
                tu=r.tongue_up; out=r.tongue_out; top=yl[N//2]-(4+.42*gap*r.tongue)-(.34*gap*tu)*r.tongue+out*.10*gap; wd=W*(.62-.18*tu+.06*out); bot=float(yl.max())+(-.6 if out>.5 else 12)
                a=np.linspace(0,1,17); tx=wd*np.cos(np.pi*(1-a)); tyy=top+(8+.35*gap)*(1-np.sin(np.pi*a)**.75)
                TX,TY=s.P(tx,tyy,-2); BX,BY=s.P(np.array([wd*1.12,-wd*1.12]),np.array([bot+8,bot+8]),-2)
                c.drawPath(s.path(np.r_[TX,BX],np.r_[TY,BY]),skia.Paint(AntiAlias=True,Shader=skia.GradientShader.MakeLinear([skia.Point(0,float(TY.min())),skia.Point(0,float(TY.min())+20)],[C('#e08d86'),C('#c4646a' if not out else '#cf7474'),C('#8e3a3e')],[0,.5,1])))
                gx_,gy_=s.P(0.,top+4.5,0); s.glow(c,float(gx_),float(gy_),wd*.5,3.6,np.array([1,.87,.84]),.40)
                c.drawLine(float(gx_),float(gy_)+2,float(gx_),float(gy_)+14,skia.Paint(Color=C('#7a2c30',.28),StrokeWidth=1.4,AntiAlias=True))
            if r.tongue>.02 and r.tongue_out<.5: tongue()
            # lower teeth
            if r.teeth_l>.02:
                yt=yl[N//2]-(1.5+6.0*r.teeth_l)+2.0*t*t; s.teeth(c,tw*.86,t,yt,yt+16,False)
            if r.teeth_u>.02:
                yb=cy+5.2-9*(1-r.teeth_u)-3.2*t*t+.02*G; s.teeth(c,tw,t,yb-22,yb,True)
            if r.tongue>.02 and r.tongue_out>=.5: tongue()
            # shadow under upper lip + corners
            s.strip(c,X,YU-1,X,YU+4.5+.10*gap,'#2a0808',.72)
            for sd in(0,-1):
                q=skia.Point(float(X[sd]),float(YU[sd])); c.drawCircle(q.x(),q.y(),W*.36,skia.Paint(Shader=skia.GradientShader.MakeRadial(q,W*.36,[C('#2a0808',.6),C('#2a0808',.3),C('#2a0808',0)],[0,.45,1])))
            c.restore()
        # lips
        up=s.path(np.r_[XO,X[::-1]],np.r_[YO,YU[::-1]]); lw=s.path(np.r_[X,XO2[::-1]],np.r_[YL,YO2[::-1]])
        c.drawPath(up,skia.Paint(AntiAlias=True,MaskFilter=B(.75),Shader=skia.GradientShader.MakeLinear([skia.Point(0,float(YO.min())),skia.Point(0,float(YU.max()))],[C(mix(mi,li,.35)),C(mi),C(d)],[0,.45,1])))
        c.drawPath(lw,skia.Paint(AntiAlias=True,MaskFilter=B(.75),Shader=skia.GradientShader.MakeLinear([skia.Point(0,float(YL.min())),skia.Point(0,float(YO2.max()))],[C(mix(d,mi,.5)),C(mix(mi,li,.75)),C(mi),C(mix(d,mi,.6))],[0,.38,.75,1])))
        c.drawPath(s.path(XO[7:20],YO[7:20]-1.2,False),skia.Paint(AntiAlias=True,Style=skia.Paint.kStroke_Style,StrokeWidth=1.8,Color=C(st['skin'][5][1],.38 if f else .16),MaskFilter=B(1.0)))
        # highlight on lower lip
        hx,hy=s.P(-3.,float(yl[N//2]+Tl*.40),dz[N//2]); c.save(); c.translate(float(hx),float(hy)); c.rotate(r.roll)
        s.glow(c,0,0,W*.42,4.2,np.array([1,.92,.9]),.62 if f else .26); c.restore()
        # mouth line
        lt=1.0+.5*(1-np.abs(t)); a=float(np.clip(1-gap/9,0.25,1))
        c.drawPath(s.path(np.r_[X,X[::-1]],np.r_[YU-lt*.7,(YU+lt*.7)[::-1]]),skia.Paint(Color=C('#4a1416' if f else '#2a0f0c',.85*a),AntiAlias=True,MaskFilter=B(.5)))
        for i in(0,-1):
            q=skia.Point(float(X[i]),float(YU[i])); c.drawCircle(q.x(),q.y(),5,skia.Paint(Shader=skia.GradientShader.MakeRadial(q,5,[C(st['skin'][0][1],.45),C(st['skin'][0][1],0)])))
    @staticmethod
    def strip(c,xa,ya,xb,yb,col,a):
        n=len(xa); pa=list(map(skia.Point,xa.tolist(),ya.tolist())); xm=(xa*.55+xb*.45);ym=(ya*.55+yb*.45)
        pm=list(map(skia.Point,xm.tolist(),ym.tolist())); pb=list(map(skia.Point,xb.tolist(),yb.tolist()))
        for p,q,a0,a1 in((pa,pm,a,a*.42),(pm,pb,a*.42,0)):
            pos=[v for t in zip(p,q) for v in t]; cl=[C(col,a0),C(col,a1)]*n
            c.drawVertices(skia.Vertices(skia.Vertices.kTriangleStrip_VertexMode,pos,None,cl,None),skia.Paint(),skia.BlendMode.kDst)
    @staticmethod
    def glow(c,x,y,rx,ry,col,a):
        c.save(); c.translate(x,y); c.scale(rx,ry); c.drawCircle(0,0,1,skia.Paint(Shader=skia.GradientShader.MakeRadial(skia.Point(0,0),1,[C(col,a),C(col,a*.62),C(col,a*.14),C(col,0)],[0,.42,.78,1]))); c.restore()
    def teeth(s,c,w,t,y0,y1,upper):
        n=25; tt=np.linspace(-1,1,n); ya=np.interp(tt,t,y0); yb=np.interp(tt,t,y1)
        X0,Y0=s.P(w*tt,ya,-4); X1,Y1=s.P(w*tt,yb,-4)
        e0,e1=(float(Y1.min()-16),float(Y1.max())) if upper else (float(Y0.min()),float(Y0.min())+12)
        cols=[C('#c9b8ae'),C('#f6efe9'),C('#fffdfa')] if upper else [C('#efe5dd'),C('#d8c8be'),C('#a48e86')]
        c.drawPath(s.path(np.r_[X0,X1[::-1]],np.r_[Y0,Y1[::-1]]),skia.Paint(AntiAlias=True,Shader=skia.GradientShader.MakeLinear([skia.Point(0,e0),skia.Point(0,e1)],cols,[0,.5,1]),MaskFilter=MB(.4)))
        p=skia.Paint(Color=C('#a08a82',.30),StrokeWidth=.7,AntiAlias=True)
        xs=[0,.235,.235+.19,.235+.19+.18,.78] if upper else [0,.15,.30,.46,.62]
        for q in xs:
            for sg in((1,-1) if q else (1,)):
                i=(q*sg+1)/2*(n-1); i0=int(i); c.drawLine(float(X0[i0]),float(Y0[i0]),float(X1[i0]),float(Y1[i0]),p)

def save(a,fn): skia.Image.fromarray(np.ascontiguousarray(a),skia.kRGBA_8888_ColorType,skia.kPremul_AlphaType).save(fn,skia.kPNG)
if __name__=='__main__':
    import sys
    for st,fn in((ANNA,'hero_a.png'),(MARCUS,'hero_b.png')):
        p=Puppet(st,720,1280); print(st['name'],'bake',round(p.bake_s,2))
        save(p.render(Rig(smile=.35)),fn)
